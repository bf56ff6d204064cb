"""Models and services behind the ports; each module is imported only when it is chosen."""
