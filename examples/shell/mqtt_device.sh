#!/usr/bin/env bash
# A device of your house in the shell, over MQTT: it reports how busy this computer is and obeys a switch called "led".
#
# You need:   sudo apt install mosquitto-clients
# Start it:   bash mqtt_device.sh      (Ctrl-C ends it)

HUB_HOST='@HUB_HOST@'
HUB_PORT='@HUB_PORT@'
DEVICE='@DEVICE@'
TOKEN='@TOKEN@'
CA_FILE='@CA_FILE@' # the certificate that vouches for the hub; empty: the connection is not encrypted

# mosquitto's programs read these options from files, so that nobody sees the token in the list of processes.
XDG_CONFIG_HOME=$(mktemp -d)
export XDG_CONFIG_HOME
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$XDG_CONFIG_HOME"' EXIT
trap 'exit 0' INT TERM
for program in mosquitto_pub mosquitto_sub; do
  printf '%s\n' "-h $HUB_HOST" "-p $HUB_PORT" "-u $DEVICE" "-P $TOKEN" ${CA_FILE:+"--cafile $CA_FILE"} \
    >"$XDG_CONFIG_HOME/$program"
done

# What this device measures: the load of the last minute. Read your sensor here.
read_load() { cut -d ' ' -f 1 /proc/loadavg; }

# Switch something here.
switch_led() { if [ "$1" = true ]; then echo "led is on"; else echo "led is off"; fi; }

# report NAME VALUE: says what the device has measured or done.
report() { mosquitto_pub -V 5 -q 1 -r -t "devices/$DEVICE/$1" -m "$2"; }

# Whoever presses the switch is heard here, one word a line.
obey() {
  while read -r led; do
    switch_led "$led"
    report led "$led" # says that it is done
  done
}

# The first message shows whether the hub lets this device in.
until problem=$(report led false 2>&1); do
  case $problem in
  *[Nn]"ot authori"* | *"Bad "[Uu]"ser"*)
    echo "The hub refuses this device: $problem Is the token the one of the device \"$DEVICE\"?" >&2
    exit 1
    ;;
  *) echo "The hub does not answer at $HUB_HOST:$HUB_PORT ($problem); I try again." ;;
  esac
  sleep 5
done
echo connected

mosquitto_sub -t "devices/$DEVICE/led/set" > >(obey) &

# One connection for all that is measured, one value a line; its will says that the device is gone when this program ends.
measure() {
  while true; do
    load=$(read_load)
    echo "$load"
    echo "load $load" >&2
    sleep 5
  done
}
while true; do
  measure | mosquitto_pub -i "$DEVICE" --will-topic "devices/$DEVICE/\$online" --will-payload false --will-retain \
    -q 1 -r -l -t "devices/$DEVICE/load"
  echo "The connection ended; I try again."
  sleep 5
done
