"""What servers do when a client or an application misbehaves: probes, and the table of them."""
