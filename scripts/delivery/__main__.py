from scripts.delivery.cli import main

main()
