{#- The ui's node is in the Swarm, with the folders that its services bind: salt '*ui*' state.apply mip.ui -#}
{%- set federations = pillar.get('mip', {}).get('federations', {}) %}
{%- set found = [] %}
{%- for name, federation in federations.items() if federation.nodes.get(grains.id, {}).role == 'ui' %}
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
mip-no-ui:
  test.fail_without_changes:
    - name: the pillar of this node declares no federation of which it is the ui
{%- endif %}
