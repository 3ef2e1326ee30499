#!/bin/sh
# Installs the Debian packages of tools/packages.txt that are missing; fetches what the tests' guests boot. Says
# nothing when nothing is missing.
set -eu
case "${1:-}" in
  -h | --help)
    echo "usage: tools/setup.sh    installs what tools/packages.txt lists and is missing (as root), and"
    echo "                         downloads Debian's cloud kernel to build/guest/linux-image.deb"
    exit 0 ;;
esac
cd "$(dirname "$0")/.."

missing=
for package in $(grep -v '^#' tools/packages.txt); do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done
if [ -n "$missing" ]; then
  install="apt-get install -y --no-install-recommends$missing"
  if [ "$(id -u)" -ne 0 ]; then
    echo "make setup: packages are missing and this is not root. Run:" >&2
    echo "  sudo apt-get update && sudo $install" >&2
    exit 1
  fi
  echo "make setup: installing$missing"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $install
fi

# The kernel is never installed: that would change what this machine boots.
kernel_deb=build/guest/linux-image.deb
fetch_kernel() (
  package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^  Depends: //p' | head -n 1)
  [ -n "$package" ] || exit 1
  mkdir -p build/guest/fetch
  cd build/guest/fetch
  rm -f ./*.deb
  apt-get download -qq -o Acquire::http::Timeout=20 "$package" >fetch.log 2>&1 || exit 1
  mv ./*.deb ../linux-image.deb
)
if [ ! -e "$kernel_deb" ]; then
  echo "make setup: fetching the kernel of the tests' guests"
  fetch_kernel || { [ "$(id -u)" -eq 0 ] && apt-get update -qq && fetch_kernel; } ||
    echo "make setup: linux-image-cloud-amd64 cannot be had (apt-get update, as root?); the test with guests is skipped"
fi
