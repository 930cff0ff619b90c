{#- A hospital's node is in the Swarm: salt '*wk*' state.apply mip.worker -#}
include:
  - mip.beacons

{%- set federations = pillar.get('mip', {}).get('federations', {}) %}
{%- set found = [] %}
{%- for name, federation in federations.items() if federation.nodes.get(grains.id, {}).role == 'worker' %}
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
  mip.swarm_joined:
    - federation: {{ name | json }}
    - require:
      - mip: mip-folders-{{ name }}
{%- endfor %}
{%- if not found %}
mip-no-worker:
  test.fail_without_changes:
    - name: the pillar of this node declares no federation of which it is the worker
{%- endif %}
