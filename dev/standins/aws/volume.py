"""EBS volumes of the aws stand-in: image files, and loop devices in the hosts they are attached to."""

import hashlib
from pathlib import Path

from dev.standins.aws.account import arn
from dev.standins.aws.resource import AwsResource
from dev.standins.resource_plugin.plugin import OperationError
from dev.standins.resource_plugin.schema import Failure
from dev.standins.resource_plugin.values import Properties

LARGEST = 16
TOTAL = 64
"""GiB a volume, and of all; the files are sparse, and a host can write no more than this on this machine."""


class Volume(AwsResource):
    """A volume. It grows in place and never shrinks."""

    token = "aws:ebs/volume:Volume"
    replaces = frozenset(
        {"availabilityZone", "encrypted", "kmsKeyId", "multiAttachEnabled", "outpostArn", "snapshotId"}
    )

    def conflicts(self, news: Properties) -> list[Failure]:
        if "size" not in news and "snapshotId" not in news:
            return [Failure("size", "one of size, snapshotId must be specified")]
        return []

    def make(self, name: str, inputs: Properties) -> tuple[str, Properties]:
        """Make an empty file."""
        if "snapshotId" in inputs:
            raise OperationError("the lab's stand-in has no snapshots")
        self._limit(inputs, 0)
        kind = inputs.get("type", "gp2")
        entry = {"kind": "volume", "zone": inputs["availabilityZone"], "size": inputs["size"], "at": None}
        key = self.account.add("vol", entry)
        self.hosts.make_volume(self._file(key), int(inputs["size"]))
        return key, {
            "arn": arn("ec2", f"volume/{key}"),
            "type": kind,
            "createTime": "2026-01-01T00:00:00Z",
            "iops": inputs.get("iops", 3000),
            "throughput": inputs.get("throughput", 125),
            "encrypted": inputs.get("encrypted", False),
        }

    def _limit(self, inputs: Properties, before: float) -> None:
        """Check what EC2 checks of gp3, and the lab's own bounds."""
        size, kind = inputs["size"], inputs.get("type", "gp2")
        iops, throughput = inputs.get("iops"), inputs.get("throughput")
        if kind != "gp3" and throughput is not None:
            raise OperationError(f"api error InvalidParameterCombination: throughput is not supported for {kind}")
        if kind == "gp3":
            iops, throughput = iops or 3000, throughput or 125
            if not 3000 <= iops <= 80_000 or iops > max(3000, 500 * size):
                raise OperationError(f"api error InvalidParameterValue: Volume iops of {iops:g} is too high")
            if not 125 <= throughput <= min(2000, 0.25 * iops):
                raise OperationError(f"api error InvalidParameterValue: Throughput of {throughput:g} is too high")
        if size < before:
            raise OperationError(
                f"api error InvalidParameterValue: New size cannot be smaller than existing size ({size:g}, {before:g})"
            )
        total = sum(entry["size"] for entry in self.account.entries("volume").values()) - before + size
        if size > LARGEST or total > TOTAL:
            raise OperationError(
                f"api error VolumeLimitExceeded: the lab's account allows {LARGEST} GiB a volume, {TOTAL} in all"
            )

    def _file(self, key: str) -> Path:
        return self.account.folder / f"{key}.img"

    def change(self, state: Properties, news: Properties, changed: set[str]) -> Properties:
        entry = self.account.find("volume", state["id"], "InvalidVolume.NotFound")
        self._limit(news, entry["size"])
        self.account.set(state["id"], size=news["size"])
        self.hosts.make_volume(self._file(state["id"]), int(news["size"]))
        return {}

    def remove(self, state: Properties) -> None:
        entry = self.account.entries("volume").get(state["id"])
        if entry and entry["at"]:
            raise OperationError(f"api error VolumeInUse: Volume {state['id']} is currently attached to {entry['at']}")
        self._file(state["id"]).unlink(missing_ok=True)
        super().remove(state)

    def look(self, state: Properties) -> Properties | None:
        entry = self.account.entries("volume").get(state["id"])
        return {"size": entry["size"]} if entry else None


class VolumeAttachment(AwsResource):
    """A volume at an instance."""

    token = "aws:ec2/volumeAttachment:VolumeAttachment"
    replaces = frozenset({"deviceName", "instanceId", "volumeId"})

    def make(self, name: str, inputs: Properties) -> tuple[str, Properties]:
        """Attach it; volume and instance must be free for each other and in one zone."""
        volume, instance = inputs["volumeId"], inputs["instanceId"]
        with self.account.change() as account:
            entries = account["entries"]
            if entries.get(volume, {}).get("kind") != "volume":
                raise OperationError(f"api error InvalidVolume.NotFound: The volume '{volume}' does not exist.")
            if entries.get(instance, {}).get("kind") != "instance":
                raise OperationError(
                    f"api error InvalidInstanceID.NotFound: The instance ID '{instance}' does not exist"
                )
            disk, machine = entries[volume], entries[instance]
            if disk["at"]:
                raise OperationError(f"api error VolumeInUse: {volume} is already attached to an instance")
            if disk["zone"] != machine["zone"]:
                raise OperationError(
                    f"api error InvalidVolume.ZoneMismatch: The volume '{volume}' is not in the same availability "
                    f"zone as instance '{instance}'"
                )
            if inputs["deviceName"] in machine["devices"]:
                raise OperationError(
                    "api error InvalidParameterValue: Invalid value "
                    f"'{inputs['deviceName']}' for unixDevice. Attachment point is already in use"
                )
            disk["at"] = instance
            machine["devices"][inputs["deviceName"]] = volume
            host = machine["host"]
        self.hosts.attach(host, volume, self.account.folder / f"{volume}.img")
        digest = hashlib.sha256(f"{inputs['deviceName']}-{instance}-{volume}".encode()).hexdigest()
        return f"vai-{int(digest[:8], 16)}", {}

    def remove(self, state: Properties) -> None:
        if state.get("skipDestroy"):
            return
        instance = self.account.entries("instance").get(state["instanceId"])
        volume = self.account.entries("volume").get(state["volumeId"])
        if not instance or not volume or volume["at"] != state["instanceId"]:
            return
        if state.get("stopInstanceBeforeDetaching"):
            # Nothing starts it again: ebs_volume_attachment.go, resourceVolumeAttachmentDelete.
            self.account.note_call("StopInstances", state["instanceId"])
            self.hosts.stop(instance["host"])
            self.account.set(state["instanceId"], state="stopped")
        self.hosts.detach(instance["host"], state["volumeId"])
        with self.account.change() as account:
            account["entries"][state["volumeId"]]["at"] = None
            account["entries"][state["instanceId"]]["devices"].pop(state["deviceName"], None)

    def look(self, state: Properties) -> Properties | None:
        volume = self.account.entries("volume").get(state["volumeId"])
        return {} if volume and volume["at"] == state["instanceId"] else None
