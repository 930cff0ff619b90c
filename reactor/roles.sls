{#- A consolidation made something new: a request to sync roles. Never to a refresh. -#}
# on: mip/*/consolidated
mip_roles:
  runner.mip.wake:
    - args:
        tag: {{ tag | json }}
