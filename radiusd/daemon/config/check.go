package config

// check judges what no room can.
func (f *File) check() Problems { return nil }
