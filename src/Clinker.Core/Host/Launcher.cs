using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;

namespace Clinker.Host;

/// <summary>
/// A process of this program that starts programs for the daemon, and has nothing open itself (docs/adr/0011). A child, before it becomes the
/// program, closes all that its parent had open, and the close of a file on a FUSE mount that hangs waits for the mount: with it waits who started
/// the child, and with him all who want to start another. And it ends with the daemon, however that ends: what it started it kills then.
/// </summary>
public sealed class Launcher : IDisposable
{
    /// <summary>The argument with which this program is such a process.</summary>
    public const string Argument = "--launcher";

    /// <summary>How long who gives up on a program waits until it is gone.</summary>
    static readonly TimeSpan KillGrace = TimeSpan.FromSeconds(2);

    enum Word : byte { Run, Kill, Ended, CanNot, Killed, Said }

    readonly string program;
    readonly object gate = new();
    Line? line;
    bool disposed;

    /// <param name="program">The path of this program.</param>
    public Launcher(string program)
    {
        this.program = program;
        line = new(program);
    }

    /// <summary>As <see cref="Processes.Run"/>, but when <paramref name="limit"/> ends it throws that, and the program is most likely gone.</summary>
    /// <exception cref="IOException">The process itself was killed. Another is there by the next time.</exception>
    public async Task<ProcessResult> Run(string tool, IReadOnlyList<string> arguments, Action<string>? said, CancellationToken limit)
    {
        Line by;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (line is not { Alive: true })
            {
                line?.Dispose();
                line = new(program);
            }
            by = line;
        }
        var (id, answer) = by.Ask(tool, arguments, said);
        try { return await answer.WaitAsync(limit); }
        catch (OperationCanceledException)
        {
            by.Kill(id);
            await Task.WhenAny(answer, Task.Delay(KillGrace, CancellationToken.None));
            throw;
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            disposed = true;
            line?.Dispose();
        }
    }

    /// <summary>One such process, and what it was asked for.</summary>
    sealed class Line : IDisposable
    {
        readonly Process process;
        readonly BinaryWriter to;
        readonly Dictionary<int, (TaskCompletionSource<ProcessResult> Answer, Action<string>? Said)> asked = [];
        int last;
        bool over;

        public Line(string program)
        {
            var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false };
            start.ArgumentList.Add(Argument);
            process = new() { StartInfo = start };
#pragma warning disable RS0030 // it lives as long as this one
            process.Start();
#pragma warning restore RS0030
            to = new(new BufferedStream(process.StandardInput.BaseStream));
            new Thread(Listen) { IsBackground = true, Name = "launcher" }.Start();
        }

        public bool Alive { get { lock (asked) return !over; } }

        public (int Id, Task<ProcessResult> Answer) Ask(string tool, IReadOnlyList<string> arguments, Action<string>? said)
        {
            var answer = new TaskCompletionSource<ProcessResult>(TaskCreationOptions.RunContinuationsAsynchronously);
            lock (asked)
            {
                if (over) return (0, Task.FromException<ProcessResult>(Gone()));
                asked[++last] = (answer, said);
                Say(Word.Run, last, () =>
                {
                    to.Write(said is not null);
                    to.Write(tool);
                    to.Write(arguments.Count);
                    foreach (var argument in arguments) to.Write(argument);
                });
                return (last, answer.Task);
            }
        }

        public void Kill(int id)
        {
            lock (asked)
                if (asked.ContainsKey(id)) Say(Word.Kill, id, () => { });
        }

        void Say(Word word, int id, Action more)
        {
            try
            {
                to.Write((byte)word);
                to.Write(id);
                more();
                to.Flush();
            }
            catch (IOException) { /* it is gone: who listens tells all who asked */ }
        }

        void Listen()
        {
            try
            {
                using var from = new BinaryReader(new BufferedStream(process.StandardOutput.BaseStream));
                while (true)
                {
                    var (word, id) = ((Word)from.ReadByte(), from.ReadInt32());
                    (TaskCompletionSource<ProcessResult> Answer, Action<string>? Said) its;
                    lock (asked)
                        if (word == Word.Said ? !asked.TryGetValue(id, out its) : !asked.Remove(id, out its))
                            throw new InvalidDataException("It answers what it was not asked.");
                    var answer = its.Answer;
                    switch (word)
                    {
                        case Word.Said: its.Said?.Invoke(from.ReadString()); break;
                        case Word.Ended: answer.SetResult(new(from.ReadInt32(), from.ReadString(), from.ReadString())); break;
                        case Word.CanNot: answer.SetException(new Win32Exception(from.ReadInt32(), from.ReadString())); break;
                        default: answer.SetCanceled(); break;
                    }
                }
            }
            catch (Exception e) when (e is IOException or InvalidDataException) { /* it is gone, or as good as */ }
            lock (asked)
            {
                over = true;
                foreach (var (answer, _) in asked.Values) answer.SetException(Gone());
                asked.Clear();
            }
        }

        static IOException Gone() => new($"The process that starts programs for the daemon (clinkerd {Argument}) was killed.");

        public void Dispose()
        {
            lock (asked) over = true;
            try { to.Dispose(); } // from here on it ends by itself
            catch (IOException) { /* it has */ }
            process.Dispose();
        }
    }

    /// <summary>Is such a process, until its input ends.</summary>
    public static async Task Serve()
    {
        Processes.EndWithDaemon();
        using var over = new CancellationTokenSource();
        var running = new ConcurrentDictionary<int, (CancellationTokenSource Limit, Task Run)>();
        using var from = new BinaryReader(new BufferedStream(Console.OpenStandardInput()));
        await using var to = new BinaryWriter(new BufferedStream(Console.OpenStandardOutput()));
        try
        {
            while (true)
            {
                var (word, id) = ((Word)from.ReadByte(), from.ReadInt32());
                if (word == Word.Kill)
                {
                    try { if (running.TryGetValue(id, out var its)) await its.Limit.CancelAsync(); }
                    catch (ObjectDisposedException) { /* it ends just now */ }
                    continue;
                }
                var listens = from.ReadBoolean();
                var tool = from.ReadString();
                var arguments = new string[from.ReadInt32()];
                for (var i = 0; i < arguments.Length; i++) arguments[i] = from.ReadString();
                var limit = CancellationTokenSource.CreateLinkedTokenSource(over.Token);
                var begin = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                running[id] = (limit, Background.Start(async () => { await begin.Task; await Run(id, tool, arguments, listens, limit); }));
                begin.SetResult();
            }
        }
        catch (IOException) { /* the daemon has ended */ }
        await over.CancelAsync();
        await Task.WhenAll(running.Values.Select(r => r.Run));

        async Task Run(int id, string tool, string[] arguments, bool listens, CancellationTokenSource limit)
        {
            Action answer;
            var ended = false;
            try
            {
                var result = await Processes.Child(tool, arguments, listens ? Said : null, limit.Token);
                answer = () => Say(Word.Ended, result.ExitCode, result.Output, result.Error);
            }
            catch (Win32Exception e) { answer = () => Say(Word.CanNot, e.NativeErrorCode, e.Message); }
            catch (OperationCanceledException) { answer = () => Say(Word.Killed); }
            lock (to)
            {
                ended = true;
                Tell(answer);
            }
            running.TryRemove(id, out _); // not before: at the end they are waited for, and then the output is closed
            limit.Dispose();

            void Said(string text)
            {
                lock (to)
                    if (!ended) Tell(() => Say(Word.Said, texts: text)); // a child of it may hold its output open
            }

            void Tell(Action what)
            {
                try { what(); to.Flush(); }
                catch (IOException) { /* nobody asks any more */ }
            }

            void Say(Word word, int? number = null, params string[] texts)
            {
                to.Write((byte)word);
                to.Write(id);
                if (number is { } n) to.Write(n);
                foreach (var text in texts) to.Write(text);
            }
        }
    }
}
