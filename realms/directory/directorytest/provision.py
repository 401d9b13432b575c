# Fills the folder of a Samba domain controller. samba-tool would do, but for the
# access lists of its file shares, which want a module and a file system that not
# every machine has, and which no test looks at.
import logging
import sys

from samba import dsdb
from samba.auth import system_session
from samba.param import LoadParm
from samba.provision import provision

conf, folder, realm, domain, password = sys.argv[1:]
lp = LoadParm()
lp.load(conf)
provision(
    logging.getLogger(), system_session(lp), smbconf=conf, targetdir=folder, lp=lp,
    realm=realm, domain=domain, hostname="dc1", hostip="127.0.0.1", adminpass=password,
    serverrole="active directory domain controller", dns_backend="NONE",
    dom_for_fun_level=dsdb.DS_DOMAIN_FUNCTION_2008_R2, batch_mode=True, skip_sysvolacl=True,
)
