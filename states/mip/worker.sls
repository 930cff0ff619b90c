{#- A hospital's node is in the Swarm: salt '*wk*' state.apply mip.worker -#}
{%- from 'mip/role.jinja' import states with context %}
include:
  - mip.beacons

{{ states('worker', 'swarm_joined') }}
