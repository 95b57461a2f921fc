"""What is special about hosts on EC2, in plain values: where a node goes, and what its first boot does."""
