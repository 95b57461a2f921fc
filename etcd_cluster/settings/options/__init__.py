"""etcd's own options: the table of them, and what is checked of them."""
