"""The control socket: how a running server is asked what it does, and told what to do."""
