# record_served.sh: records the revision that the member serves with, to go back to if a later one fails.
# OF is the configuration directory that holds it.
# uses: lib
# variables: config revision of
if [ "$of" = "$config" ]; then target=revisions/$revision; else target=$of/revisions/$revision; fi
link "$target" "$config/served"
