"""How the host and a process of a plug-in talk, and how such a process begins and ends."""
