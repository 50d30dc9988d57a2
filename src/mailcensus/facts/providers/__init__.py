"""Who handles a domain's mail: rules and a provider table over names, certificates, greetings, AS and SPF."""
