"""A wrong clock. The machine's own clock is never touched: all hosts and this machine share it."""

from dev.lab.machine import Machine
from dev.lab.processes import cgroups, vdso
from dev.lab.system import LabError


class Clocked(Machine):
    """The part of a host that is its clock."""

    def skew(self, seconds: int) -> None:
        """Shift the clock of services and ssh sessions started from now on, also after a reboot.

        libfaketime does it, so it reaches programs that are linked dynamically and started without sudo. A static
        one, such as etcd, is reached by `skew_process` once it runs.
        """
        self.run_script("unskew.sh")
        self.run_script("skew.sh", f"{seconds:+d}")

    def unskew(self) -> None:
        """Give programs started from now on the true time."""
        self.run_script("unskew.sh")

    def skew_process(self, seconds: int, pid: int) -> None:
        """Shift the wall clock of one running process until it ends; 0 is the true time again.

        Args:
            seconds: Whole seconds to add. The monotonic clock stays true.
            pid: Its pid inside the host.
        """
        for outside in cgroups.processes(self.machine):
            if cgroups.inner_pid(outside) == pid:
                vdso.skew(outside, seconds)
                return
        raise LabError(f"{self.name} has no process {pid}")
