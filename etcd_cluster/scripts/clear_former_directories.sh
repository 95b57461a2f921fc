# clear_former_directories.sh: once the member runs with these directories, clears those that the settings have left.
# Prints the configuration directories that it cleared.
# uses: former_directories
# variables: config install bin data wal
clear_former "$install" "$bin"
clear_empty "$config" "$install" "$bin" "$data" "$wal"
