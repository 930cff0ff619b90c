{#- The Swarm, and in it every service of the federation: salt '*ms*' state.apply mip.master -#}
{%- from 'mip/role.jinja' import federations_of, states with context %}
include:
  - mip.beacons

{{ states('master', 'swarm_initialised') }}
{%- for name in federations_of('master') | load_json %}
mip-services-{{ name }}:
  mip.services:
    - federation: {{ name | json }}
    - require:
      - mip: mip-swarm-{{ name }}
{%- endfor %}
