using System.Reflection;
using Clinker.Gluster;
using Clinker.Host;
using Clinker.Server;
using Clinker.Server.Configuration;

// The composition is in Composition.cs; this is how the process begins and ends.
if (args is [Launcher.Argument])
{
    await Launcher.Serve();
    return 0;
}
if (args is [GfapiWriter.Argument, .. { Length: > 5 } words]) return GfapiWriter.Serve(words);
var version = Assembly.GetExecutingAssembly().GetName().Version!.ToString(3);
switch (Loading.Load(args, Surroundings.Real(version)))
{
    case Start.Print print:
        Console.Out.Write(print.Text);
        return print.Code;
    case Start.Refused refused:
        foreach (var error in refused.Errors) Console.Error.WriteLine($"clinkerd: {error}");
        return 1;
    case Start.Run run:
        return await Composition.Serve(run.Settings, version);
    default:
        throw new InvalidOperationException("A start is one of these three.");
}
