# served.sh CONFIG REVISION: remembers the revision that the member serves with, to go back to if a later one fails.
config=$1 revision=$2
link "revisions/$revision" "$config/served"
