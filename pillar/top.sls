# Who gets which pillar. A federation's file goes to its own nodes and to the pusher; its secrets go
# to the pusher alone.
base:
  # the pusher: the Salt master's own id, its host's name with '_master' behind it
  # (salt-run config.get id). Never accept a minion's key of that name: it would get the secrets.
  'pusher_master':
    - mip.fed1
    - mip.fed1-secrets
  'fed1-*':
    - mip.fed1
