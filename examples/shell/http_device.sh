#!/usr/bin/env bash
# A device of your house in the shell, over HTTP: it reports how busy this computer is and obeys a switch called "led".
#
# You need:   sudo apt install curl
# Start it:   bash http_device.sh      (Ctrl-C ends it)

HUB_HOST='@HUB_HOST@'
HUB_PORT='@HUB_PORT@'
DEVICE='@DEVICE@'
TOKEN='@TOKEN@'
CA_FILE='@CA_FILE@' # the certificate that vouches for the hub; empty: the connection is not encrypted

if [ -n "$CA_FILE" ]; then scheme=https; else scheme=http; fi
HUB="$scheme://$HUB_HOST:$HUB_PORT/api"

# What this device measures: the load of the last minute. Read your sensor here.
read_load() { cut -d ' ' -f 1 /proc/loadavg; }

# Switch something here.
switch_led() { if [ "$1" = true ]; then echo "led is on"; else echo "led is off"; fi; }

# hub METHOD PATH [DATA]: one request; prints the answer, the status in a line below it.
hub() {
  local options=(--silent --show-error --max-time 10 --write-out '\n%{http_code}' --request "$1")
  if [ -n "$CA_FILE" ]; then options+=(--cacert "$CA_FILE"); fi
  if [ -n "${3:-}" ]; then options+=(--header 'Content-Type: text/plain' --data "$3"); fi
  # The token goes in by a file, so that nobody sees it in the list of processes.
  curl "${options[@]}" --config <(printf 'header = "Authorization: Bearer %s"\n' "$TOKEN") "$HUB/$2"
}

# report NAME VALUE: says what the device has measured or done.
report() {
  local answer status
  answer=$(hub PUT "devices/$DEVICE/$1" "$2")
  status=${answer##*$'\n'}
  case $status in
  204) return 0 ;;
  401 | 403)
    echo "The hub refuses this device ($status). Is the token the one of the device \"$DEVICE\"?" >&2
    exit 1
    ;;
  000) echo "The hub does not answer at $HUB_HOST:$HUB_PORT; I try again." ;;
  *) echo "The hub did not take $1: $answer" ;;
  esac
  return 1
}

# What somebody wants of the switch: "true", "false", or nothing.
wanted() {
  local answer
  answer=$(hub GET "topics/devices/$DEVICE/led/target")
  if [ "${answer##*$'\n'}" = 200 ]; then echo "${answer%$'\n'*}"; fi
}

until report led false; do sleep 5; done
count=0
while true; do
  if [ $((count % 5)) = 0 ]; then
    load=$(read_load)
    if report load "$load"; then echo "load $load"; fi
  fi
  led=$(wanted)
  if [ -n "$led" ]; then
    switch_led "$led"
    report led "$led" # says that it is done
  fi
  count=$((count + 1))
  sleep 1
done
