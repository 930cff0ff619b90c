{#- A consolidation changed something: request a synchronisation of roles, never a refresh. -#}
# on: mip/*/consolidated
mip_roles:
  runner.mip.wake:
    - args:
        tag: {{ tag | json }}
