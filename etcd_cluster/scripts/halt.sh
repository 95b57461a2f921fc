# halt.sh: stops a member whose cluster did not come to life; what it wrote stays for the next attempt.
# uses: lib
stop_member
