#!/bin/sh
# An etcd cluster by hand: one command after the other from the operator's machine, node by node.
# bench/by_hand.py measures it. It prints what it does, and ends with an error unless every member is healthy.
#
#   NODE_NAMES, NODE_IPS   words, in the same order
#   URL                    where releases are served, laid out as upstream's
#   VERSION, ARCH          such as 3.6.16 and amd64
#   SSH_CONFIG             a file for `ssh -F`: user, key, known hosts
#   WORK                   an empty directory
#   TEMPLATE               etcd.service.template
#
# The certificates come from cfssl where it is installed, else from openssl: the same keys and subject.
set -eu

ETCD_DATA_DIR=/data/k8s/etcd/data
ETCD_WAL_DIR=/data/k8s/etcd/wal
HEALTH_SECONDS=120
release=etcd-v$VERSION-linux-$ARCH

cd "$WORK"
umask 077

etcd_nodes=
# shellcheck disable=SC2086 # words
set -- $NODE_IPS
for node_name in $NODE_NAMES; do
	etcd_nodes=$etcd_nodes${etcd_nodes:+,}$node_name=https://$1:2380
	shift
done

# Binaries: fetched here, then sent to each node.

archive_url=$URL/v$VERSION/$release.tar.gz
if command -v wget >/dev/null; then
	wget -q "$archive_url"
else
	curl -fsSLO "$archive_url"
fi
tar -xvf "$release.tar.gz"

for node_ip in $NODE_IPS; do
	echo ">>> $node_ip"
	ssh -F "$SSH_CONFIG" "root@$node_ip" "mkdir -p /opt/k8s/bin"
	scp -q -F "$SSH_CONFIG" "$release"/etcd* "root@$node_ip:/opt/k8s/bin"
	ssh -F "$SSH_CONFIG" "root@$node_ip" "chmod +x /opt/k8s/bin/*"
done

# Certificates: one authority, and one certificate that every node uses for clients and peers.

if command -v cfssl >/dev/null && command -v cfssljson >/dev/null; then
	names='"names": [{"C": "KR", "ST": "Seoul", "L": "Seoul", "O": "k8s", "OU": "bare-k8s"}]'
	key='"key": {"algo": "rsa", "size": 2048}'
	hosts='"127.0.0.1"'
	for node_ip in $NODE_IPS; do
		hosts="$hosts, \"$node_ip\""
	done
	cat >ca-config.json <<EOF
{"signing": {"profiles": {"kubernetes": {
  "usages": ["signing", "key encipherment", "server auth", "client auth"], "expiry": "876000h"}}}}
EOF
	cat >ca-csr.json <<EOF
{"CN": "kubernetes-ca", $key, $names, "ca": {"expiry": "876000h"}}
EOF
	cat >etcd-csr.json <<EOF
{"CN": "etcd", "hosts": [$hosts], $key, $names}
EOF
	cfssl gencert -initca ca-csr.json | cfssljson -bare ca
	cfssl gencert -ca=ca.pem -ca-key=ca-key.pem -config=ca-config.json -profile=kubernetes etcd-csr.json |
		cfssljson -bare etcd
else
	subject=/C=KR/ST=Seoul/L=Seoul/O=k8s/OU=bare-k8s
	hosts=IP:127.0.0.1
	for node_ip in $NODE_IPS; do
		hosts=$hosts,IP:$node_ip
	done
	cat >etcd.ext <<EOF
subjectAltName = $hosts
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth
EOF
	openssl req -x509 -newkey rsa:2048 -noenc -keyout ca-key.pem -out ca.pem -days 36500 \
		-subj "$subject/CN=kubernetes-ca"
	openssl req -new -newkey rsa:2048 -noenc -keyout etcd-key.pem -out etcd.csr -subj "$subject/CN=etcd"
	openssl x509 -req -in etcd.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 36500 \
		-extfile etcd.ext -out etcd.pem
fi

for node_ip in $NODE_IPS; do
	echo ">>> $node_ip"
	ssh -F "$SSH_CONFIG" "root@$node_ip" "mkdir -p /etc/etcd/cert /etc/kubernetes/cert"
	scp -q -F "$SSH_CONFIG" ca.pem "root@$node_ip:/etc/kubernetes/cert/"
	scp -q -F "$SSH_CONFIG" etcd.pem etcd-key.pem "root@$node_ip:/etc/etcd/cert/"
done

# Units: one template, one file for each node.

# shellcheck disable=SC2086 # words
set -- $NODE_IPS
for node_name in $NODE_NAMES; do
	sed -e "s|##NODE_NAME##|$node_name|" -e "s|##NODE_IP##|$1|g" -e "s|##ETCD_NODES##|$etcd_nodes|" \
		-e "s|##ETCD_DATA_DIR##|$ETCD_DATA_DIR|" -e "s|##ETCD_WAL_DIR##|$ETCD_WAL_DIR|" \
		"$TEMPLATE" >"etcd-$1.service"
	shift
done

for node_ip in $NODE_IPS; do
	echo ">>> $node_ip"
	scp -q -F "$SSH_CONFIG" "etcd-$node_ip.service" "root@$node_ip:/etc/systemd/system/etcd.service"
done

# Start: in the background, because the first member waits for the others.

for node_ip in $NODE_IPS; do
	echo ">>> $node_ip"
	ssh -F "$SSH_CONFIG" "root@$node_ip" "mkdir -p $ETCD_DATA_DIR $ETCD_WAL_DIR"
	ssh -n -F "$SSH_CONFIG" "root@$node_ip" \
		"systemctl daemon-reload && systemctl enable etcd && systemctl restart etcd" &
done
wait

for node_ip in $NODE_IPS; do
	echo ">>> $node_ip"
	ssh -F "$SSH_CONFIG" "root@$node_ip" "systemctl status etcd | grep Active"
done

# Health: etcdctl waits a while by itself; it is asked again until the deadline.

deadline=$(($(date +%s) + HEALTH_SECONDS))
for node_ip in $NODE_IPS; do
	echo ">>> $node_ip"
	until "$release/etcdctl" --endpoints="https://$node_ip:2379" \
		--cacert=ca.pem --cert=etcd.pem --key=etcd-key.pem endpoint health; do
		if [ "$(date +%s)" -ge "$deadline" ]; then
			echo "$node_ip is not healthy after $HEALTH_SECONDS s" >&2
			exit 1
		fi
	done
done
