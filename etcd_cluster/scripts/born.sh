# born.sh CONFIG: writes the born marker (standard input) and removes bootstrap.env, both once the member serves.
config=$1
write_file "$config/born" 644
rm -f "$config/bootstrap.env"
