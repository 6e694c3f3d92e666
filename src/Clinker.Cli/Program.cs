namespace Clinker.Cli;

internal static class Program
{
    static async Task<int> Main(string[] args)
    {
        var terminal = Terminal.OfProcess();
        try
        {
            // Environment.GetCommandLineArgs names the program as it was called: a link named openstack-config is that tool.
            return await CommandLine.Run(Environment.GetCommandLineArgs()[0], args, terminal);
        }
        finally
        {
            await terminal.Out.FlushAsync();
            await terminal.Error.FlushAsync();
        }
    }
}
