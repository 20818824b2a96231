complete -c rfifo -s m -l mode -d 'Make it with exactly this mode, octal or as in u=rw,g+w from a=rw [default: 600]' -r
complete -c rfifo -l writers -d 'End when N writers have left' -r
complete -c rfifo -l until -d 'End at a line that equals LINE, and leave what follows in the FIFO' -r
complete -c rfifo -l match -d 'Pass on only lines that contain TEXT; may be given several times, and any will do' -r
complete -c rfifo -l timeout -d 'End, with status 124, when no byte has come for so long; with --write, no reader' -r
complete -c rfifo -l size -d 'The size of the FIFO\'s buffer, which it otherwise forgets when it is last closed' -r
complete -c rfifo -l max-record -d 'Judge a longer line by its first SIZE bytes; with --drop, drop it [default: 1M]' -r
complete -c rfifo -l reuse -d 'Use a FIFO that is there already, and leave it there'
complete -c rfifo -l replace -d 'Take over a FIFO of your own that nobody reads, as a run that was killed leaves behind'
complete -c rfifo -l keep -d 'Leave the FIFO there at the end, even if it was made here'
complete -c rfifo -l once -d 'End when the first writer has left'
complete -c rfifo -l invert -d 'Pass on only lines that contain none of them'
complete -c rfifo -l write -d 'Relay standard input into the FIFO, line by line, over readers that come and go'
complete -c rfifo -l create -d 'Make the FIFO if it isn\'t there, and remove it at the end'
complete -c rfifo -l drop -d 'Never wait: drop lines that nobody takes, and say at the end how many'
complete -c rfifo -l mark -d 'Say it in the stream, too, where lines were dropped'
complete -c rfifo -l progress -d 'Show on standard error, if it is a terminal, how much has gone through'
complete -c rfifo -l help -d 'Show this help and exit'
complete -c rfifo -l version -d 'Show the version and exit'
