# Unpacking Debian packages beside the system, for the integration tests: not installed, not started at boot.
# For servers whose packages exclude others that the tests talk to as well.
# shellcheck shell=bash
# shellcheck source=scripts/apt.sh
. scripts/apt.sh

# without SERVER WHY...: says by name what could not be had and ends well: tests that need it are skipped by name.
without() {
    local server=$1
    shift
    echo "test packages: $server is not unpacked: $*; its tests will be skipped"
    exit 0
}

# unpack SERVER TARGET PACKAGE...: into TARGET, which is made anew; the libraries that the packages name are installed.
unpack() {
    _fetch_to_unpack "$1" "$2" "${@:3}"
    _install_libraries "$1" "$fetched"/*.deb
    _extract "$2"
}

# unpack_alone SERVER TARGET PACKAGE...: as unpack; the packages hold the libraries too that are not there anyway.
unpack_alone() {
    _fetch_to_unpack "$1" "$2" "${@:3}"
    _extract "$2"
}

_fetch_to_unpack() {
    local server=$1 target=$2
    shift 2
    command -v dpkg-deb >/dev/null || without "$server" "no dpkg"
    [ "$(id -u)" -eq 0 ] || without "$server" "only root can"
    echo "test packages: unpacking $* into $target"
    fetched=$(mktemp -d)
    trap 'rm -rf "$fetched"' EXIT
    chown _apt "$fetched" 2>/dev/null || true # the user that apt fetches as
    _fetch "$@" || { _apt update --quiet=2 && _fetch "$@"; } || without "$server" "apt cannot fetch $*"
}

_extract() {
    local target=$1 deb
    rm -rf "$target"
    mkdir -p "$target"
    for deb in "$fetched"/*.deb; do dpkg-deb --extract "$deb" "$target"; done
}

_fetch() { (cd "$fetched" && _apt download --quiet=2 "$@"); }

# What the programs link to; alternatives (|), debconf and the rest of what is depended on are for an installed one.
_install_libraries() {
    local server=$1 libraries missing deb
    shift
    mapfile -t libraries < <(for deb in "$@"; do dpkg-deb --field "$deb" Depends; echo ,; done | tr ',' '\n' |
        grep -v '|' | sed -e 's/^[[:space:]]*//' -e 's/[[:space:](:].*//' | grep '^lib' |
        grep -v '^libclamav' | sort -u) # Cyrus's virus scanner, which nothing of ours starts
    mapfile -t missing < <(apt_missing "${libraries[@]}")
    [ "${#missing[@]}" -eq 0 ] || apt_install "${missing[@]}" ||
        without "$server" "its libraries cannot be had: ${missing[*]}"
}
