# record_bootstrap.sh: writes the bootstrap marker (standard input) and removes bootstrap.env, both once the member serves.
# uses: lib
# variables: config
write_file "$config/born" 644
rm -f "$config/bootstrap.env"
