"""What only this suite needs: experiments, notebooks, reports and the command line."""
