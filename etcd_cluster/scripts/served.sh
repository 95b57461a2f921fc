# served.sh CONFIG REVISION OF: remembers the revision that the member serves with, to go back to if a later one fails.
# OF is the configuration directory that holds it.
config=$1 revision=$2 of=${3:-$1}
if [ "$of" = "$config" ]; then target=revisions/$revision; else target=$of/revisions/$revision; fi
link "$target" "$config/served"
