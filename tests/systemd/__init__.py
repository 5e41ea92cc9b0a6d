"""uncork under a real systemd, in a container: `make systemd`."""
