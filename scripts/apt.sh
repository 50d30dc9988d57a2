# Installing Debian packages without a question, without starting anything and without removing anything.
# shellcheck shell=bash

# apt_missing PACKAGE...: prints those that are not installed.
apt_missing() {
    local package
    for package in "$@"; do
        dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
            echo "$package"
    done
}

# apt_install PACKAGE...: all of them or a failure. --no-remove: whoever runs another mail server keeps it.
apt_install() {
    _apt update --quiet=2 || echo "apt: the package lists could not be refreshed; trying with those at hand" >&2
    _apt install --quiet=2 --yes --no-install-recommends --no-remove "$@"
}

_apt() {
    DEBIAN_FRONTEND=noninteractive apt-get \
        -o Acquire::Retries=3 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 \
        -o DPkg::Lock::Timeout=120 "$@" </dev/null
}
