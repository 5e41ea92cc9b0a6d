"""Development: the server of `uncork serve`, for whoever changes the code while it runs."""
