# leave.sh CONFIG INSTALL BIN DATA WAL: once the member runs with these, clears the directories that the settings have left.
# Prints the configuration directories that it cleared.
config=$1
clear_former "$2" "$3"
clear_empty "$@"
