#!/bin/busybox sh
# The guest's only process. The kernel's command line says farrier.ip=, and perhaps farrier.peer=.
/bin/busybox --install -s /bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover \
              net_failover virtio_net; do
  insmod /modules/$module.ko || echo "farrier-guest: no module $module"
done
for word in $(cat /proc/cmdline); do
  case $word in farrier.*) eval "${word#farrier.}" ;; esac
done
ip link set eth0 mtu 9000 up && ip addr add "$ip/24" dev eth0 || echo "farrier-guest: no network"
echo "farrier-guest: features $(cat /sys/bus/virtio/devices/*/features)"
echo "farrier-guest: up"
if [ -n "${peer:-}" ]; then
  for size in 56 1400 8000; do
    ping -c 10 -i 0.1 -W 10 -s $size "$peer" && echo "farrier-guest: size $size good"
  done
  echo "farrier-guest: done"
fi
while true; do sleep 1000; done
