# fill.sh PATH LEAVE_KB: fill the file system at PATH but for LEAVE_KB KiB.
path=$1
leave=$2
mountpoint -q -- "$path" || {
    echo "$path is no mount point: its own file system cannot be told apart" >&2
    exit 1
}
free() { df -k --output=avail "$path" | tail -n 1; }
amount=$(($(free) - leave))
# every disk of the lab is far smaller than 64 GiB: a larger one is not the lab's
[ "$amount" -gt 0 ] && [ "$amount" -lt 67108864 ] || {
    echo "$path has $(free) KiB free: nothing to fill, or no disk of the lab" >&2
    exit 1
}
# most of it without a write, the rest byte by byte, since fallocate needs room for its own books
bulk=$((amount - amount / 50 - 256))
[ "$bulk" -le 0 ] || fallocate -l "${bulk}K" "${path%/}/.lab-fill"
rest=$(($(free) - leave))
[ "$rest" -le 0 ] || head -c "${rest}K" /dev/zero >"${path%/}/.lab-fill-rest" 2>/dev/null || true
sync -f "$path"
left=$(free)
[ "$left" -le $((leave + 64)) ] || {
    echo "$path still has $left KiB free" >&2
    exit 1
}
