complete -c rpipesz -s s -l set -d 'Set the size of pipes: bytes, K, M, G, KiB or KB, or max, the most you can have now' -r
complete -c rpipesz -s f -l file -d 'The FIFO or pipe at PATH; may be repeated, as all of these may' -r -F
complete -c rpipesz -s n -l fd -d 'The pipe at descriptor FD' -r
complete -c rpipesz -s p -l pid -d 'Every pipe of process PID' -r
complete -c rpipesz -l pgid -d 'Every pipe of the processes of group PGID, as a shell makes one for a pipeline' -r
complete -c rpipesz -l interval -d 'The time between samples of --stall, as in 50ms or 0.5 [default: 10ms]' -r
complete -c rpipesz -l count -d 'The number of samples of --stall [default: 100]' -r
complete -c rpipesz -l write-size -d 'The size of --measure\'s writes; may be repeated' -r
complete -c rpipesz -s g -l get -d 'Show the size of pipes, and the bytes in them that are unread'
complete -c rpipesz -l stall -d 'Watch pipes of running processes, and tell which stage holds the others up'
complete -c rpipesz -l limits -d 'Show the limits, and how much of them your pipes take'
complete -c rpipesz -l measure -d 'Show what a pipe takes before it blocks, and how fast pipes of each size are'
complete -c rpipesz -s i -l stdin -d 'The pipe at standard input; the default of --get'
complete -c rpipesz -s o -l stdout -d 'The pipe at standard output; the default of --set'
complete -c rpipesz -s e -l stderr -d 'The pipe at standard error'
complete -c rpipesz -s c -l check -d 'Stop at the first failure, of a pipe or process, with status 1 and without running COMMAND'
complete -c rpipesz -l strict -d 'Exit with status 1, without running COMMAND, if a pipe is smaller than was asked for'
complete -c rpipesz -s q -l quiet -d 'Say nothing of failures that are passed over'
complete -c rpipesz -s v -l verbose -d 'Show titles above tables; with --set, say what size was given'
complete -c rpipesz -l json -d 'Show one JSON object a line'
complete -c rpipesz -s h -l help -d 'Show this help and exit'
complete -c rpipesz -s V -l version -d 'Show the version and exit'
