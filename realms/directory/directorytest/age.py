# Says that a password was set at another time, which no LDAP client may.
import sys

import ldb
from samba import dsdb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

conf, dn, when = sys.argv[1:]
lp = LoadParm()
lp.load(conf)
db = SamDB(session_info=system_session(lp), lp=lp)
change = ldb.Message(ldb.Dn(db, dn))
change["pwdLastSet"] = ldb.MessageElement(when, ldb.FLAG_MOD_REPLACE, "pwdLastSet")
db.modify(change, controls=["local_oid:" + dsdb.DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID + ":0"])
