"""`mailcensus outreach serve`: the site where those who are asked learn who asks, and opt out."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from mailcensus.cli.options import Quiet, StudyDirectory
from mailcensus.cli.talk import say
from mailcensus.study import Study


def serve(directory: StudyDirectory, quiet: Quiet = False) -> None:
    """Serve the site that says who asks and takes opt-outs, until interrupted; prints its URLs once it listens.

    Who asks, why, and where to listen is in study.toml ([study], [site]). An opt-out lands in the exclusion file
    site.opt_outs, which a scan under way reads within a second. It speaks plain HTTP: put a proxy with TLS before it,
    and name that in site.proxies. With --quiet no line is said for each request; those lines name nobody.
    """
    from mailcensus.discovery.preflight_names import own_addresses
    from mailcensus.outreach.site.limits import Limits
    from mailcensus.outreach.site.serving import serve as serve_site
    from mailcensus.population.special import is_special

    study = Study.open(directory)
    addresses = [address for address in own_addresses(study, ()) if not is_special(address)]
    if not quiet:
        logging.getLogger("mailcensus.outreach.site").setLevel(logging.INFO)

    def ready(urls: Sequence[str]) -> None:
        for url in urls:
            sys.stdout.write(f"{url}\n")
        sys.stdout.flush()

    serve_site(study, addresses, Limits(), ready)
    say("the site has ended")
