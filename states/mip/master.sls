{#- The Swarm, and in it every service of the federation: salt '*ms*' state.apply mip.master -#}
include:
  - mip.beacons

{%- set federations = pillar.get('mip', {}).get('federations', {}) %}
{%- set found = [] %}
{%- for name, federation in federations.items() if federation.nodes.get(grains.id, {}).role == 'master' %}
{%-   do found.append(name) %}
mip-requirements-{{ name }}:
  mip.requirements:
    - federation: {{ name | json }}
mip-folders-{{ name }}:
  mip.folders:
    - federation: {{ name | json }}
    - require:
      - mip: mip-requirements-{{ name }}
mip-swarm-{{ name }}:
  mip.swarm_initialised:
    - federation: {{ name | json }}
    - require:
      - mip: mip-folders-{{ name }}
mip-services-{{ name }}:
  mip.services:
    - federation: {{ name | json }}
    - require:
      - mip: mip-swarm-{{ name }}
{%- endfor %}
{%- if not found %}
mip-no-master:
  test.fail_without_changes:
    - name: the pillar of this node declares no federation of which it is the master
{%- endif %}
