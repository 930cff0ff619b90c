{#- Everything that a federation needs of this node, by its role: salt '*' state.apply mip -#}
{%- set wanted = [] %}
{%- for name, federation in pillar.get('mip', {}).get('federations', {}).items() %}
{%-   set node = federation.nodes.get(grains.id, {}) %}
{%-   do wanted.append('mip.' ~ node.role) if node.role and 'mip.' ~ node.role not in wanted %}
{%- endfor %}
{%- if wanted %}
include: {{ wanted | json }}
{%- else %}
mip-nothing-declared:
  test.fail_without_changes:
    - name: the pillar of this node declares no federation of which it is a node
{%- endif %}
