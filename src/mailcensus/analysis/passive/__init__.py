"""What clients really negotiate: tables of connections that others made, seen in captures and logs.

Passive twins of the posture tables, as "TLS in the Wild" (Holz 2016) has them: servers and connections are counted
apart, and what is set aside there (Tor, push services, proxies) is set aside and counted here.
"""
