{#- Data of a node settled in a new state, or a node is back: wake the controller. Only the event's tag
    is passed on, as JSON: a forged event can wake the controller, and no more. -#}
# on: salt/beacon/*/mip_data/*
# on: salt/beacon/*/mip_services/*
# on: salt/minion/*/start
mip_wake:
  runner.mip.wake:
    - args:
        tag: {{ tag | json }}
