"""Who handles a domain's mail: rules and a provider table over names, certificates, greetings, AS and SPF."""

from mailcensus.facts.providers.stage import Inferred, has_domains, infer_in_run, infer_providers

__all__ = ["Inferred", "has_domains", "infer_in_run", "infer_providers"]
