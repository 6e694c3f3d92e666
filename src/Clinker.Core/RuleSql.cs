using Clinker.Store;

namespace Clinker;

/// <summary>A rule as parts of a statement, and the end of a transition: the same for every table whose rows have a status.</summary>
static class RuleSql
{
    extension(Rule rule)
    {
        /// <summary>What it sets. A rule without a status of its own changes nothing, but keeps the row until the transaction ends.</summary>
        public Sql Sets(Tx tx) => rule.Via is null ? Sql.Raw("status = status") : Sql.Of($"status = {rule.Via}, updated_at = {tx.Now}");

        /// <summary>The condition on the status, behind another one.</summary>
        public Sql AndFrom => rule.From is null ? Sql.Nothing : Sql.Of($" and status in ({Sql.List(rule.From)})");
    }

    extension(Tx tx)
    {
        /// <summary>Ends a transition. Any other status than <paramref name="from"/> is a bug of ours and says so.</summary>
        /// <param name="noun">For the words of that.</param>
        public async Task Settle(string table, string noun, string id, string from, string to)
        {
            var changed = await tx.Execute(
                $"update {Sql.Raw(table)} set status = {to}, updated_at = {tx.Now} where id = {id} and status = {from}");
            if (changed != 1) throw new InvalidOperationException($"{noun} {id} was not {from} when it should have become {to}.");
        }
    }
}
