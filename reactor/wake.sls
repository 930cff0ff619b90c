{#- The data of a node settled into something new: look again. Nothing of an event but its tag goes
    on, as JSON; who could forge one could make the federation look, and no more. -#}
# on: salt/beacon/*/mip_data/*
# on: salt/beacon/*/mip_services/*
# on: salt/minion/*/start
mip_wake:
  runner.mip.wake:
    - args:
        tag: {{ tag | json }}
