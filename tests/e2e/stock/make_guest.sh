#!/bin/sh
# Makes what a guest boots: Debian's cloud kernel, and busybox with the drivers of virtio-net.
set -eu
case "${1:-}" in
  "" | -h | --help)
    echo "usage: make_guest.sh DEB DIR    unpacks DEB (linux-image-*-cloud-amd64) and makes"
    echo "                                DIR/vmlinuz and DIR/initramfs, unless they are there; exits with 77 if"
    echo "                                this machine lacks what that takes"
    exit 0 ;;
esac
missing() {
  echo "make_guest.sh: $1"
  exit 77
}
here=$(cd "$(dirname "$0")" && pwd)
[ -e "$1" ] || missing "no kernel in $1: make setup downloads it"
deb=$(realpath "$1")
mkdir -p "$2"
cd "$2"
exec 9> lock
flock 9
[ vmlinuz -nt "$deb" ] && [ initramfs -nt "$here/make_guest.sh" ] && [ initramfs -nt "$here/guest_init.sh" ] && exit 0
for program in cpio dpkg-deb; do
  command -v "$program" > /dev/null || missing "no $program here: make setup"
done
ldd /bin/busybox 2>&1 | grep -q "not a dynamic executable" || missing "no static busybox here: make setup"

rm -rf tree unpacked
mkdir -p tree/bin tree/proc tree/sys tree/dev tree/modules unpacked
dpkg-deb -x "$deb" unpacked
for module in drivers/virtio/virtio_ring drivers/virtio/virtio drivers/virtio/virtio_pci_legacy_dev \
              drivers/virtio/virtio_pci_modern_dev drivers/virtio/virtio_pci net/core/failover \
              drivers/net/net_failover drivers/net/virtio_net; do
  cp unpacked/lib/modules/*/kernel/$module.ko tree/modules/
done
cp /bin/busybox tree/bin/
cp "$here/guest_init.sh" tree/init
chmod +x tree/init
(cd tree && find . | cpio -o -H newc --quiet | gzip -1) > initramfs.new
cp unpacked/boot/vmlinuz-* vmlinuz
mv initramfs.new initramfs
rm -rf tree unpacked
