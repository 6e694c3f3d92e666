using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;

namespace Clinker.Bench;

/// <summary>Volumes that come and go: alone, a hundred at once, and as fast as they are accepted.</summary>
sealed class Creates(Daemon daemon, Report report, Scale scale)
{
    const int AtOnce = 100;

    /// <summary>Clients of the accept rate.</summary>
    const int Clients = 8;

    readonly Requests requests = new(daemon.Port);

    /// <summary>The first of its kind pays for what is set up once.</summary>
    public void WarmUp()
    {
        using var client = new Client(daemon.Port);
        for (var i = 0; i < 20; i++)
        {
            var (_, id) = CreateOne(client);
            DeleteOne(client, id);
        }
    }

    /// <summary>One more, which stays.</summary>
    public string One()
    {
        using var client = new Client(daemon.Port);
        return CreateOne(client).Id;
    }

    public void Alone()
    {
        var (made, gone, accepted) = (new List<double[]>(), new List<double[]>(), new List<double[]>());
        using var client = new Client(daemon.Port);
        for (var round = 0; round < scale.Rounds; round++)
        {
            var ids = new List<string>();
            var (create, delete, accept) = (new double[scale.Alone], new double[scale.Alone], new double[scale.Alone]);
            for (var i = 0; i < create.Length; i++)
            {
                var began = Stopwatch.GetTimestamp();
                (accept[i], var id) = CreateOne(client);
                create[i] = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
                ids.Add(id);
            }
            for (var i = 0; i < delete.Length; i++)
            {
                var began = Stopwatch.GetTimestamp();
                DeleteOne(client, ids[i]);
                delete[i] = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
            }
            made.Add(create);
            gone.Add(delete);
            accepted.Add(accept);
        }
        report.Percentiles("POST answered, alone", accepted);
        report.Percentiles("create → available, alone", made, Bar.AtMost(20), Bar.AtMost(150));
        report.Percentiles("delete → gone, alone", gone, Bar.AtMost(20));
    }

    public void Together()
    {
        var (accepted, made, gone) = (new List<double>(), new List<double>(), new List<double>());
        var clients = Enumerable.Range(0, AtOnce).Select(_ => new Client(daemon.Port)).ToArray();
        using var watcher = new Client(daemon.Port);
        for (var round = 0; round < scale.Rounds; round++)
        {
            var ids = new List<string>();
            var began = Stopwatch.GetTimestamp();
            foreach (var client in clients) client.Send(requests.Create);
            foreach (var client in clients) ids.Add(Id(client.Receive().Must(202)));
            accepted.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            WaitForNone(watcher, "creating");
            made.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            foreach (var id in ids) Expect(watcher.Ask(requests.Get($"/volumes/{id}")), "available");

            began = Stopwatch.GetTimestamp();
            for (var i = 0; i < clients.Length; i++) clients[i].Send(requests.Delete("/volumes/" + ids[i]));
            foreach (var client in clients) client.Receive().Must(202);
            WaitForNone(watcher, "deleting");
            gone.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            foreach (var id in ids) watcher.Ask(requests.Get($"/volumes/{id}")).Must(404);
        }
        foreach (var client in clients) client.Dispose();
        report.Add("100 creates at once: all accepted after", "ms", accepted);
        report.Add("100 creates at once: all available after", "ms", made, Bar.AtMost(1500));
        report.Add("100 deletes at once: all gone after", "ms", gone);
    }

    /// <summary>
    /// Nothing is deleted between the rounds: ext4 is slow to give out inodes that were freed in the last seconds, and that would be
    /// measured then.
    /// </summary>
    public void AcceptRate()
    {
        var (rates, ends, cpu, wait) = (new List<double>(), new List<double>(), new List<double>(), new List<double>());
        var ids = new ConcurrentBag<string>();
        using var watcher = new Client(daemon.Port);
        for (var round = 0; round < scale.Rounds; round++)
        {
            var left = scale.Accepted;
            var (cpuBefore, began) = (daemon.CpuSeconds(), Stopwatch.GetTimestamp());
            rates.Add(Load.Together(daemon.Port, Clients,
                () => Interlocked.Decrement(ref left) >= 0 ? requests.Create : null, 202, answer => ids.Add(Id(answer))));
            var accepted = Stopwatch.GetElapsedTime(began);
            WaitForNone(watcher, "creating");
            var all = Stopwatch.GetElapsedTime(began);
            wait.Add((all - accepted).TotalMilliseconds);
            ends.Add(scale.Accepted / all.TotalSeconds);
            cpu.Add((daemon.CpuSeconds() - cpuBefore) / scale.Accepted * 1000);
        }
        report.Add($"creates accepted by {Clients} clients", "1/s", rates, Bar.Least(400));
        report.Add("creates made while so accepted", "1/s", ends);
        report.Add("last create available after the last was accepted", "ms", wait);
        report.Add("CPU of the daemon per 1,000 creates", "s", cpu);

        var (count, start) = (ids.Count, Stopwatch.GetTimestamp());
        var before = daemon.CpuSeconds();
        var rate = Load.Together(daemon.Port, Clients, () => ids.TryTake(out var id) ? requests.Delete("/volumes/" + id) : null, 202);
        WaitForNone(watcher, "deleting");
        report.Add($"deletes accepted by {Clients} clients", "1/s", [rate]);
        report.Add("deletes done while so accepted", "1/s", [count / Stopwatch.GetElapsedTime(start).TotalSeconds]);
        report.Add("CPU of the daemon per 1,000 deletes", "s", [(daemon.CpuSeconds() - before) / count * 1000]);
    }

    /// <summary>The time of the POST alone, and the volume, which is available.</summary>
    (double AcceptedMs, string Id) CreateOne(Client client)
    {
        var began = Stopwatch.GetTimestamp();
        var id = Id(client.Ask(requests.Create).Must(202));
        var accepted = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        Load.Until(client, requests.Get($"/volumes/{id}"), answer =>
        {
            var status = answer.Must(200).Member("\"status\":"u8);
            return !status.SequenceEqual("creating"u8) && Expect(answer, "available");
        });
        return (accepted, id);
    }

    void DeleteOne(Client client, string id)
    {
        client.Ask(requests.Delete("/volumes/" + id)).Must(202);
        Load.Until(client, requests.Get($"/volumes/{id}"), answer => answer.Status == 404 || Expect(answer, "deleting") && false);
    }

    void WaitForNone(Client client, string status) =>
        Load.Until(client, requests.Get($"/volumes?limit=1&status={status}"), answer => answer.Must(200).Body.IndexOf("\"id\":"u8) < 0);

    static string Id(Answer answer) => Encoding.ASCII.GetString(answer.Member("\"id\":"u8));

    static bool Expect(Answer answer, string status)
    {
        var its = Encoding.ASCII.GetString(answer.Must(200).Member("\"status\":"u8));
        return its == status ? true : throw new InvalidDataException($"A volume is {its} instead of {status}.");
    }
}
