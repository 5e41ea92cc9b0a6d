"""The instruments: clients, the process tree's CPU time and memory, the machine."""
