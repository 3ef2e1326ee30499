#!/bin/sh
# Installs the Debian packages of tools/packages.txt that are missing; says nothing when none is.
set -eu
case "${1:-}" in
  -h | --help)
    echo "usage: tools/setup.sh    installs what tools/packages.txt lists and is missing (as root)"
    exit 0 ;;
esac
list=$(dirname "$0")/packages.txt
missing=
for package in $(grep -v '^#' "$list"); do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" -ne 0 ]; then
  echo "make setup: packages are missing and this is not root. Run:" >&2
  echo "  sudo apt-get update && sudo $install" >&2
  exit 1
fi
echo "make setup: installing$missing"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive $install
